CREATE TABLE vault_owners (
    tenant text NOT NULL,
    owner text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, owner)
);

CREATE TABLE vault_groups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    owner text NOT NULL,
    place bigint NOT NULL,
    name text NOT NULL,
    chip bigint NOT NULL,
    UNIQUE (tenant, owner, name)
);

CREATE TABLE vault_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    owner text NOT NULL,
    item bytea NOT NULL,
    place bigint NOT NULL,
    group_id bigint,
    counter bigint,
    sealed bytea NOT NULL
);

CREATE INDEX vault_accounts_owner ON vault_accounts (tenant, owner, place, id);
CREATE INDEX vault_accounts_group ON vault_accounts (group_id);
