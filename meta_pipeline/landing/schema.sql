-- What landing keeps. Created on first use; every statement is safe to repeat.

create schema if not exists raw;

-- Counts loads, so that a build can tell which days are new to it without a clock.
create sequence if not exists raw.load_seq;

create table if not exists raw.clients (
    client_id text not null,
    name text not null,
    result text not null,
    start_date date,
    targets json,
    brand json,
    is_active boolean not null,
    reports json
);

-- Warehouses made before clients had their reports beside them.
alter table raw.clients add column if not exists reports json;

create table if not exists raw.client_assets (
    client_id text not null,
    asset_id text not null,
    surface text not null
);

create table if not exists raw.pulls (
    pull_id text not null,
    client_id text not null,
    report text not null,
    asset_id text not null,
    part text not null,
    since date,
    until date,
    requested_since date,
    requested_until date,
    pulled_at timestamptz not null,
    status text not null,
    api_version text not null,
    served_version text,
    version_warning text,
    requests integer not null,
    bytes bigint not null,
    row_count bigint not null,
    manifest json not null,
    error text,
    load_seq bigint not null,
    unanswered_days date[]
);

-- Of a warehouse made before the column was; what landed then keeps NULL until a reload.
alter table raw.pulls add column if not exists unanswered_days date[];

create table if not exists raw.records (
    client_id text not null,
    report text not null,
    asset_id text not null,
    part text not null,
    day date,
    entity_key text not null,
    payload text using compression zstd not null,
    payload_hash text not null,
    pull_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz
);

create table if not exists raw.coverage (
    client_id text not null,
    report text not null,
    asset_id text not null,
    part text not null,
    day date,
    status text not null,
    reason text,
    row_count bigint not null,
    pull_id text,
    pulled_at timestamptz,
    failed_at timestamptz,
    failure text,
    load_seq bigint not null
);

create table if not exists raw.compactions (
    compacted_at timestamptz not null,
    horizon timestamptz not null,
    versions_dropped bigint not null
);

comment on table raw.clients is 'The newest clients.yml, one row a client; a client removed from it stays, inactive.';
comment on column raw.clients.reports is 'Names of the reports that the client is asked for, as a JSON array; NULL until clients.yml is read again by a version that writes them.';
comment on table raw.client_assets is 'Which ad accounts (ads), Pages (page) and Instagram accounts (instagram) belong to which client.';
comment on table raw.pulls is 'One row a pull: one answer to one report (or Page metric) for one ad account or Page over a range of days.';
comment on column raw.pulls.since is 'First day kept, in the time zone of the ad account (Pages: America/Los_Angeles); NULL for snapshots.';
comment on column raw.pulls.requested_since is 'First day asked for: padded, so that conversions with an earlier click are counted.';
comment on column raw.pulls.pulled_at is 'When the first request of the pull was sent (UTC): what it says cannot be newer.';
comment on column raw.pulls.status is 'complete, failed, superseded (an answer older than one that had landed already; its rows are not used), or not_asked (the answer is known: beyond retention, or a metric that Meta retired).';
comment on column raw.pulls.served_version is 'The Graph API version that answered, from the facebook-api-version header.';
comment on column raw.pulls.manifest is 'The manifest in the spool; `failure` also says what became clear only while the pull landed: pages that cannot be used, or days held without proof.';
comment on column raw.pulls.unanswered_days is 'Of a complete pull, the days from since to until of which it says nothing: a newer answer had landed already, or the day came back empty without proof. NULL: not a complete pull of days, or landed before this was kept (a reload fills it in).';
comment on table raw.records is 'Every version of every row Meta sent. Valid from valid_from until valid_to; valid_to NULL is the newest.';
comment on column raw.records.day is 'The day described (ad account time zone; Pages: America/Los_Angeles); the first day of a month; NULL for snapshots.';
comment on column raw.records.entity_key is 'JSON array of the report''s key values.';
comment on column raw.records.payload is 'The row Meta sent, as compact JSON; its page lies in the spool as it came.';
comment on table raw.coverage is 'What is known of each client, report, asset, part and day.';
comment on column raw.coverage.status is 'pulled (rows landed), confirmed_empty (no rows, and the account agrees), unconfirmed_empty (no rows and no proof), failed (never pulled with success), beyond_retention (Meta keeps the day no longer).';
comment on column raw.coverage.reason is 'Why a day without rows is or is not believed; of a day with rows, which fields were left out and why.';
comment on column raw.coverage.pulled_at is 'When the newest successful pull of this day was sent (UTC).';
comment on column raw.coverage.failed_at is 'When a pull of this day last failed, or came back empty without proof, if none has succeeded since (UTC).';
comment on column raw.coverage.load_seq is 'The load that last touched this day: builds pick up days above what they have seen.';
comment on table raw.compactions is 'One row a `meta-pipeline compact`: what it took out of raw.records.';
comment on column raw.compactions.horizon is 'Versions that were superseded before this instant (UTC) are gone: what was known earlier can no longer be asked, but for the account by day, objects and posts.';
