DROP TABLE sign_in_failure, rate_limit;
