drop function crm_private.refresh_dashboard(text);
