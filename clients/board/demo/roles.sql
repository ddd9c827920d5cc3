-- The roles of the demo, and with other names and passwords those of any server: who the board is, who the
-- citizens are, and people of each level.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;

-- The board's own login: a member of the people's roles, and as NOINHERIT nothing by itself.
CREATE ROLE oms_board LOGIN NOINHERIT PASSWORD 'board-demo';

-- The citizens' tracker: the level citizen and nothing else.
CREATE ROLE oms_citizen LOGIN PASSWORD 'citizen-demo';
SELECT oms.grant_access('oms_citizen', 'citizen');

CREATE ROLE ada LOGIN PASSWORD 'ada-demo';
CREATE ROLE ann LOGIN PASSWORD 'ann-demo';
CREATE ROLE bob LOGIN PASSWORD 'bob-demo';
CREATE ROLE mia LOGIN PASSWORD 'mia-demo';
SELECT oms.grant_access('ada', 'admin');
SELECT oms.grant_access('ann', 'staff');
SELECT oms.grant_access('bob', 'staff');
SELECT oms.grant_access('mia', 'monitor');
GRANT ada, ann, bob, mia TO oms_board;

-- What boards on a wall see: nobody can sign in as it.
CREATE ROLE oms_wall;
SELECT oms.grant_access('oms_wall', 'monitor');
GRANT oms_wall TO oms_board;
