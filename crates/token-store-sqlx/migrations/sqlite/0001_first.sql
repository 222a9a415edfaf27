-- Rowid tables on purpose: WITHOUT ROWID halves the rate of redeems.
-- Times are microseconds since 1970. No index names a column that redeem writes (state, attempts, used_at), that spend
-- writes (full_at, count), or that advance writes (last, used_at); but two: what ends leaves its subject's list, and is
-- listed for a purge.

CREATE TABLE ott_tokens (
    id             BLOB    NOT NULL PRIMARY KEY, -- 16 bytes, public
    purpose        TEXT    NOT NULL,
    key            INTEGER NOT NULL,
    tenant         TEXT    NOT NULL,
    subject        TEXT,
    slot           BLOB,                         -- 16 bytes
    policy         BLOB    NOT NULL,             -- 16 bytes
    binding        BLOB    NOT NULL,             -- 32 bytes
    digest         BLOB    NOT NULL,             -- 32 bytes
    data           BLOB    NOT NULL,
    number         INTEGER,
    max_attempts   INTEGER,
    issued_at      INTEGER NOT NULL,
    expires_at     INTEGER,
    idle_micros    INTEGER,
    tag            BLOB    NOT NULL,             -- 32 bytes
    state          INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    used_at        INTEGER,
    outcome        INTEGER,                      -- the decision: all five, or none
    decider_tenant TEXT,                         -- null: a part of the system decided
    decider        TEXT,
    decision_data  BLOB,
    decided_at     INTEGER,
    decision_tag   BLOB                          -- 32 bytes
) STRICT;

CREATE INDEX ott_tokens_subject    ON ott_tokens (tenant, subject, purpose) WHERE subject IS NOT NULL AND state IN (0, 1);
CREATE INDEX ott_tokens_slot       ON ott_tokens (slot) WHERE slot IS NOT NULL;
CREATE INDEX ott_tokens_expires_at ON ott_tokens (expires_at) WHERE expires_at IS NOT NULL;
-- The last moment at which it is not dead: what will be idle, and what is in a final state.
CREATE INDEX ott_tokens_ends       ON ott_tokens
    (CASE WHEN state IN (0, 1) THEN coalesce(used_at, issued_at) + idle_micros + 59999999 ELSE issued_at END)
    WHERE state NOT IN (0, 1) OR idle_micros IS NOT NULL;

CREATE TABLE ott_factors (
    id           BLOB    NOT NULL PRIMARY KEY,   -- 16 bytes, public
    tenant       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    provider     TEXT    NOT NULL,
    label        TEXT    NOT NULL,
    state        INTEGER NOT NULL,
    sealed       BLOB    NOT NULL,
    last         INTEGER,                        -- null: no counter accepted yet
    created_at   INTEGER NOT NULL,
    used_at      INTEGER,
    removed_at   INTEGER,                        -- the removal: all three while removed, else none
    removed_from INTEGER,                        -- the state before
    removed_by   BLOB
) STRICT;

-- In the order in which they are listed: confirmed ones, those that wait for their confirmation, removed ones.
CREATE INDEX ott_factors_subject ON ott_factors
    (tenant, subject, CASE state WHEN 0 THEN 1 WHEN 3 THEN 2 ELSE 0 END, created_at, id);
-- Those that wait for their confirmation, and removed ones: a purge goes on where it was.
CREATE INDEX ott_factors_dead    ON ott_factors (coalesce(removed_at, created_at)) WHERE state IN (0, 3);

CREATE TABLE ott_limits (
    key     BLOB    NOT NULL PRIMARY KEY,        -- 16 bytes
    full_at INTEGER NOT NULL,
    count   INTEGER NOT NULL
) STRICT;

-- What waits to be sent, and dead letters: those with a reason.
CREATE TABLE ott_queue (
    id        BLOB    NOT NULL PRIMARY KEY,      -- 16 bytes, public
    tenant    TEXT    NOT NULL,
    slot      BLOB    NOT NULL,                  -- 16 bytes
    sealed    BLOB    NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,                  -- of a dead letter: when it died
    tries     INTEGER NOT NULL,
    reason    TEXT
) STRICT;

CREATE UNIQUE INDEX ott_queue_slot ON ott_queue (slot) WHERE reason IS NULL;
CREATE INDEX ott_queue_due         ON ott_queue (tenant, due_at, id) WHERE reason IS NULL;
CREATE INDEX ott_queue_oldest      ON ott_queue (tenant, queued_at) WHERE reason IS NULL;
CREATE INDEX ott_queue_dead        ON ott_queue (due_at, id) WHERE reason IS NOT NULL;

-- A tenant's line in numbers, kept in the steps that change it.
CREATE TABLE ott_lines (
    tenant   TEXT    NOT NULL PRIMARY KEY,
    waiting  INTEGER NOT NULL,
    dead     INTEGER NOT NULL,
    queued   INTEGER NOT NULL,
    sent     INTEGER NOT NULL,
    replaced INTEGER NOT NULL
) STRICT;
