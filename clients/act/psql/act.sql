-- One stage for act.sh, which runs this again and again in one session: work, then say how it ended and claim the next in one
-- commit. Values come back as variables and go out as :'variable', so whatever is in them stays a value. One that is NULL is
-- not set.
\set ON_ERROR_STOP on
\if :{?begun}
\else
  \set begun yes
  SELECT ticket, stage, token, data
  FROM (SELECT) AS always LEFT JOIN oms.claim(:'owner', :'worker', 1, '5 minutes') ON true \gset
  \if :{?ticket}
  \else
    -- Somebody else was faster, or nothing of it can be claimed by us at the moment.
    SELECT FROM pg_sleep(1) \g /dev/null
  \endif
\endif
\if :{?ticket}
  -- The bots. An error is an answer, too.
  \unset output
  \set ON_ERROR_STOP off
  SELECT (SELECT output FROM (VALUES
    ('id_check', (SELECT jsonb_build_object('match', true) WHERE :'data'::jsonb ->> 'name' <> '')),
    ('risk_ai', jsonb_build_object('score', greatest(350, 850 - (:'data'::jsonb ->> 'amount')::numeric / 1000)::int)),
    ('fund', jsonb_build_object('paid', (:'data'::jsonb ->> 'amount')::numeric))
  ) AS bot (stage, output) WHERE bot.stage = :'stage') AS output \gset
  \set broken :ERROR
  \set why :LAST_ERROR_MESSAGE
  \set ON_ERROR_STOP on
  -- Nothing is claimed that this session would not do.
  \set qty 1
  \if `test -e "$ACT_STOP" && echo yes || echo no`
    \set qty 0
  \elif :{?last}
    \set qty 0
  \endif
  \if :{?output}
    \set told :worker ': ' :ticket ' ' :stage ' done ' :output
    SELECT next.ticket, next.stage, next.token, next.data
    FROM (SELECT) AS always LEFT JOIN oms.exchange(:'owner', :'worker', jsonb_build_array(jsonb_build_object(
      'ticket', :'ticket', 'stage', :'stage', 'token', :token, 'output', :'output'::jsonb)), :qty, '5 minutes') AS next ON true \gset
  \else
    \if :broken
    \else
      \set why 'no bot for this stage, or nothing to check'
    \endif
    \set told :worker ': ' :ticket ' ' :stage ' failed: ' :why
    SELECT next.ticket, next.stage, next.token, next.data
    FROM (SELECT) AS always LEFT JOIN oms.exchange(:'owner', :'worker', jsonb_build_array(jsonb_build_object(
      'ticket', :'ticket', 'stage', :'stage', 'token', :token, 'error', :'why', 'retryable', :broken)), :qty, '5 minutes') AS next ON true \gset
  \endif
  \echo :told
\endif
