create table :schema.orders (
  id bigint primary key,
  customer text not null,
  amount numeric(12,2) not null check (amount >= 0),
  created timestamptz not null default '2026-01-01Z'
);
create table :schema.country (code char(2) primary key, name text not null); create table :schema.rate (code char(2) references :schema.country deferrable initially deferred, pct numeric);
\d :schema.orders
\dt :schema.*
\if :{?SERVER_VERSION_NUM}
select :SERVER_VERSION_NUM >= 140000 as has_begin_atomic, :SERVER_VERSION_NUM >= 120000 as v12 \gset
\endif
