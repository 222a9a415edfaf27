-- Times are microseconds since 1970, as whole numbers: a timestamptz cannot hold every time that a
-- record can. Text is compared byte by byte. No index names a column that redeem writes
-- (state, attempts, used_at), or that spend writes (full_at, count): then an update stays on its
-- page, for which fillfactor leaves room.

CREATE TABLE {tokens} (
    id             uuid     NOT NULL PRIMARY KEY, -- public
    slot           uuid,
    policy         uuid     NOT NULL,
    key            bigint   NOT NULL,
    issued_at      bigint   NOT NULL,
    expires_at     bigint,
    idle_micros    bigint,
    generation     bigint,                        -- of its slot, when it was inserted
    attempts       bigint   NOT NULL,
    used_at        bigint,
    decided_at     bigint,                        -- the decision: all five, or none
    number         bigint,                        -- 32 bits
    max_attempts   integer,
    state          smallint NOT NULL,
    outcome        smallint,                      -- of the decision: 1 approved, 2 denied, 3 reported
    digest         bytea    NOT NULL,             -- 32 bytes
    binding        bytea    NOT NULL,             -- 32 bytes
    tag            bytea    NOT NULL,             -- 32 bytes
    data           bytea    NOT NULL,
    decision_tag   bytea,                         -- 32 bytes
    decision_data  bytea,
    purpose        text     COLLATE "C" NOT NULL,
    tenant         text     COLLATE "C" NOT NULL,
    subject        text     COLLATE "C",
    decider_tenant text     COLLATE "C",          -- null: a part of the system decided
    decider        text     COLLATE "C"
) WITH (fillfactor = 80);

CREATE INDEX {index}tokens_subject    ON {tokens} (tenant, subject, purpose) WHERE subject IS NOT NULL;
CREATE INDEX {index}tokens_slot       ON {tokens} (slot) WHERE slot IS NOT NULL;
CREATE INDEX {index}tokens_expires_at ON {tokens} (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX {index}tokens_issued_at  ON {tokens} (issued_at, id); -- a purge goes on where it was

-- The batch of a slot that is alive: whatever has another generation is superseded.
CREATE TABLE {slots} (
    slot       uuid   NOT NULL PRIMARY KEY,
    generation bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE {factors} (
    id         uuid     NOT NULL PRIMARY KEY,     -- public
    last       bigint,                            -- null: no counter accepted yet
    created_at bigint   NOT NULL,
    used_at    bigint,
    state      smallint NOT NULL,
    sealed     bytea    NOT NULL,                 -- empty once removed
    tenant     text     COLLATE "C" NOT NULL,
    subject    text     COLLATE "C" NOT NULL,
    provider   text     COLLATE "C" NOT NULL,
    label      text     COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX {index}factors_subject ON {factors} (tenant, subject);

CREATE TABLE {limits} (
    key     uuid   NOT NULL PRIMARY KEY,
    full_at bigint NOT NULL,
    count   bigint NOT NULL
) WITH (fillfactor = 70);
