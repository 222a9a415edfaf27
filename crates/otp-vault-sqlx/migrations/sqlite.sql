CREATE TABLE vault_owners (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant, owner)
);

-- AUTOINCREMENT: a number that was given is not given again.
CREATE TABLE vault_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    chip INTEGER NOT NULL,
    UNIQUE (tenant, owner, name)
);

CREATE TABLE vault_accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    item BLOB NOT NULL,
    place INTEGER NOT NULL,
    group_id INTEGER,
    counter INTEGER,
    sealed BLOB NOT NULL
);

CREATE INDEX vault_accounts_owner ON vault_accounts (tenant, owner, place, id);
CREATE INDEX vault_accounts_group ON vault_accounts (group_id);
