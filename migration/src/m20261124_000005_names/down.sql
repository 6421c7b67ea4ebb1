DROP TRIGGER account_username_released ON account;
DROP TRIGGER account_username_is_kept ON account;
DROP FUNCTION account_username_released(), account_username_is_kept();
DROP TABLE username_history;
