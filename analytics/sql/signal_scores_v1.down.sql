drop view crm.signal_scores;
drop function crm_private.score_signals(timestamptz);
