-- Rowid tables on purpose: WITHOUT ROWID halves the rate of redeems.
-- Times are microseconds since 1970. No index names a column that redeem writes
-- (state, attempts, used_at), or that spend writes (full_at, count).

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

CREATE INDEX ott_tokens_subject    ON ott_tokens (tenant, subject, purpose) WHERE subject IS NOT NULL;
CREATE INDEX ott_tokens_slot       ON ott_tokens (slot) WHERE slot IS NOT NULL;
CREATE INDEX ott_tokens_expires_at ON ott_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX ott_tokens_issued_at  ON ott_tokens (issued_at);

CREATE TABLE ott_factors (
    id         BLOB    NOT NULL PRIMARY KEY,     -- 16 bytes, public
    tenant     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    label      TEXT    NOT NULL,
    state      INTEGER NOT NULL,
    sealed     BLOB    NOT NULL,                 -- empty once removed
    last       INTEGER,                          -- null: no counter accepted yet
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE INDEX ott_factors_subject ON ott_factors (tenant, subject);

CREATE TABLE ott_limits (
    key     BLOB    NOT NULL PRIMARY KEY,        -- 16 bytes
    full_at INTEGER NOT NULL,
    count   INTEGER NOT NULL
) STRICT;
