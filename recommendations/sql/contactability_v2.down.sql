-- Version 1 gives the same answers under the same names, so there is nothing to take back; its own
-- file drops the functions.
select 1 where false;
