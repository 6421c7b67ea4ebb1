DROP TABLE reported_version;
