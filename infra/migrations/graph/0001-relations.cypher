CREATE NODE TABLE IF NOT EXISTS User (
  id STRING PRIMARY KEY,
  followers INT64 DEFAULT 0,
  following INT64 DEFAULT 0
);

CREATE NODE TABLE IF NOT EXISTS Pair (
  key STRING PRIMARY KEY,
  version INT64,
  state STRING,
  noted INT64
);

CREATE REL TABLE IF NOT EXISTS FOLLOWS (FROM User TO User, since INT64);
CREATE REL TABLE IF NOT EXISTS FRIEND (FROM User TO User, since INT64);
CREATE REL TABLE IF NOT EXISTS CONTACT (FROM User TO User, since INT64, alias STRING);
CREATE REL TABLE IF NOT EXISTS REQUESTED (FROM User TO User, since INT64, note STRING);
CREATE REL TABLE IF NOT EXISTS BLOCKS (FROM User TO User, since INT64);

COMMENT ON TABLE User IS 'A person who has or had a relation; how many follow them and whom they follow, by count';
COMMENT ON TABLE Pair IS 'All that is between two users, by their ids in order: what the relationships are made from; noted: Unix ms since when its effects elsewhere are not known to be complete';
COMMENT ON TABLE FOLLOWS IS 'Follows the feed of the other';
COMMENT ON TABLE FRIEND IS 'Friends; kept in both directions, so that chains have one';
COMMENT ON TABLE CONTACT IS 'Has the other among the contacts, under an alias';
COMMENT ON TABLE REQUESTED IS 'Asks for friendship';
COMMENT ON TABLE BLOCKS IS 'Blocks the other';
