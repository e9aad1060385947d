drop function crm_private.profiles_publish(date, timestamptz, text, text, boolean);
drop function crm_private.profiles_compute(integer, timestamptz, text);
drop function crm_private.profiles_begin(timestamptz, text, text, boolean, integer);
drop table crm_private.profile_state;
