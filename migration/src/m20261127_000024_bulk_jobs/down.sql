DROP TABLE mod_job_item, mod_job;
