-- Times are microseconds since 1970, as whole numbers: a timestamptz cannot hold every time that a
-- record can. Text is compared byte by byte. No index names a column that redeem writes
-- (state, attempts, used_at), that spend writes (full_at, count), or that advance changes (last, used_at): then
-- an update stays on its page, for which fillfactor leaves room.

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
    listed         boolean  NOT NULL DEFAULT true, -- until it is revoked
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

CREATE INDEX {index}tokens_subject    ON {tokens} (tenant, subject, purpose) WHERE subject IS NOT NULL AND listed;
CREATE INDEX {index}tokens_slot       ON {tokens} (slot) WHERE slot IS NOT NULL;
CREATE INDEX {index}tokens_expires_at ON {tokens} (expires_at) WHERE expires_at IS NOT NULL;

-- The batch of a slot that is alive: whatever has another generation is superseded.
CREATE TABLE {slots} (
    slot       uuid   NOT NULL PRIMARY KEY,
    generation bigint NOT NULL
) WITH (fillfactor = 80);

-- What a purge looks at, beside what expired: records in a final state, and those that will be idle, by their id; slots that were taken
-- over, by theirs. An entry may outlive what it names, and a record that was used in time is listed anew.
CREATE TABLE {ends} (
    after bigint NOT NULL, -- the last moment at which it is not dead
    id    uuid   NOT NULL
);

CREATE INDEX {index}ends_after ON {ends} (after, id); -- a purge goes on where it was

CREATE TABLE {factors} (
    id           uuid     NOT NULL PRIMARY KEY,   -- public
    last         bigint,                          -- null: no counter accepted yet
    created_at   bigint   NOT NULL,
    used_at      bigint,
    removed_at   bigint,                          -- the removal: all three while removed, else none
    removed_from smallint,                        -- the state before
    state        smallint NOT NULL,
    sealed       bytea    NOT NULL,
    removed_by   bytea,
    tenant       text     COLLATE "C" NOT NULL,
    subject      text     COLLATE "C" NOT NULL,
    provider     text     COLLATE "C" NOT NULL,
    label        text     COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

-- In the order in which they are listed: confirmed ones, those that wait for their confirmation, removed ones.
CREATE INDEX {index}factors_subject ON {factors}
    (tenant, subject, (CASE state WHEN 0 THEN 1 WHEN 3 THEN 2 ELSE 0 END), created_at, id);
-- Those that wait for their confirmation, and removed ones: a purge goes on where it was.
CREATE INDEX {index}factors_dead ON {factors} (coalesce(removed_at, created_at)) WHERE state IN (0, 3);

CREATE TABLE {limits} (
    key     uuid   NOT NULL PRIMARY KEY,
    full_at bigint NOT NULL,
    count   bigint NOT NULL
) WITH (fillfactor = 70);

-- What waits to be sent, and dead letters: those with a reason.
CREATE TABLE {queue} (
    id        uuid    NOT NULL PRIMARY KEY,      -- public
    slot      uuid    NOT NULL,
    queued_at bigint  NOT NULL,
    due_at    bigint  NOT NULL,                  -- of a dead letter: when it died
    tries     integer NOT NULL,
    sealed    bytea   NOT NULL,
    tenant    text    COLLATE "C" NOT NULL,
    reason    text    COLLATE "C"
);

CREATE UNIQUE INDEX {index}queue_slot ON {queue} (slot) WHERE reason IS NULL;
CREATE INDEX {index}queue_due         ON {queue} (tenant, due_at, id) WHERE reason IS NULL;
CREATE INDEX {index}queue_oldest      ON {queue} (tenant, queued_at) WHERE reason IS NULL;
CREATE INDEX {index}queue_dead        ON {queue} (due_at, id) WHERE reason IS NOT NULL;

-- A tenant's line in numbers, kept in the steps that change it. Whoever changes it locks it first.
CREATE TABLE {lines} (
    tenant   text   COLLATE "C" NOT NULL PRIMARY KEY,
    waiting  bigint NOT NULL,
    dead     bigint NOT NULL,
    queued   bigint NOT NULL,
    sent     bigint NOT NULL,
    replaced bigint NOT NULL
) WITH (fillfactor = 50);
