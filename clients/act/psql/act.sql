-- One stage for act.sh: claim, work, answer.
-- Values come back as variables and go out as :'variable', so whatever is in them stays a value.
-- One that is NULL is not set.
\set ON_ERROR_STOP on
SELECT ticket, stage, token, data
FROM (SELECT) AS always LEFT JOIN oms.claim(:'owner', :'worker', 1, '5 minutes') ON true \gset
\if :{?ticket}
  -- The bots. An error is an answer, too.
  \set ON_ERROR_STOP off
  SELECT (SELECT output FROM (VALUES
    ('id_check', (SELECT jsonb_build_object('match', true) WHERE :'data'::jsonb ->> 'name' <> '')),
    ('risk_ai', jsonb_build_object('score', greatest(350, 850 - (:'data'::jsonb ->> 'amount')::numeric / 1000)::int)),
    ('fund', jsonb_build_object('paid', (:'data'::jsonb ->> 'amount')::numeric))
  ) AS bot (stage, output) WHERE bot.stage = :'stage') AS output \gset
  \set broken :ERROR
  \set why :LAST_ERROR_MESSAGE
  \set ON_ERROR_STOP on
  \if :{?output}
    SELECT format('%s: %s %s done %s', :'worker', :'ticket', :'stage', :'output')
    FROM oms.stage_done(:'ticket', :'stage', :'output', :token);
  \else
    \if :broken
    \else
      \set why 'no bot for this stage, or nothing to check'
    \endif
    SELECT format('%s: %s %s failed, now %s: %s', :'worker', :'ticket', :'stage', status, :'why')
    FROM oms.stage_failed(:'ticket', :'stage', :'why', :token, :broken) AS status;
  \endif
\else
  -- Somebody else was faster, or nothing of it can be claimed by us at the moment.
  SELECT FROM pg_sleep(1) \g /dev/null
\endif
