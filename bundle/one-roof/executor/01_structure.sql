-- Tier 1: the schema one_roof and its empty tables. Nothing outside it changes.
\set ON_ERROR_STOP on
\set tier 1
\set tier_name structure

do $precondition$
begin
    if to_regnamespace('one_roof') is not null then
        raise exception 'schema one_roof is already here: the release, or a part of it, has been applied'
            using hint = 'Roll it back first.';
    end if;
    if (select count(*) from public.governed_collections) <> 35
       or (select count(*) from public.governance_scopes) <> 6 then
        raise exception 'expected 35 governed collections and 6 scopes';
    end if;
    if exists (select from public.ownership) then
        raise exception 'ownership must be empty before the release';
    end if;
end
$precondition$;

create schema one_roof;

create table one_roof.tier_log (
    tier         integer primary key check (tier between 1 and 8),
    name         text not null unique,
    ratified_apr text references public.os_proposals,
    -- Tiers 1 and 2 make nobody accountable.
    constraint tier_log_rests_on_a_proposal check (tier <= 2 or ratified_apr is not null)
);

create table one_roof.axis (
    axis   text primary key,
    active boolean not null,
    about  text not null
);

create table one_roof.axis_value (
    axis  text not null references one_roof.axis,
    value text not null,
    primary key (axis, value)
);

create table one_roof.assignment (
    collection text primary key references public.governed_collections,
    authority  text not null references public.governance_authorities
);

create table one_roof.authority_domain (
    authority text not null references public.governance_authorities,
    domain    text not null unique,
    primary key (authority, domain)
);

-- Collections are placed before the domains are handed out,
-- so this foreign key is checked when everything is in.
create table one_roof.containment (
    collection text primary key references one_roof.assignment,
    authority  text not null,
    domain     text not null,
    constraint containment_domain_held
        foreign key (authority, domain) references one_roof.authority_domain
        deferrable initially deferred
);

create table one_roof.candidate (
    axis       text not null,
    collection text not null references public.governed_collections,
    scope      text not null references public.governance_scopes,
    value      text not null,
    status     text not null check (status in ('candidate', 'active')),
    primary key (axis, collection, scope),
    foreign key (axis, value) references one_roof.axis_value
);

create index candidate_value on one_roof.candidate (axis, value);

create table one_roof.saved_setting (
    name  text primary key,
    value text not null
);

create table one_roof.emit_dispatcher (
    name text primary key
);

create table one_roof.ui_endpoint (
    endpoint  text primary key,
    view_name text not null unique
);

create table one_roof.seal (
    only_one     boolean primary key default true check (only_one),
    release      text not null,
    version      text not null,
    ratified_apr text not null references public.os_proposals,
    ownership    bigint not null check (ownership = 210),
    gap          bigint not null check (gap = 0)
);

create function one_roof.enter_tier(wanted integer, wanted_name text, wanted_apr text) returns text
language plpgsql set search_path = pg_catalog
as $function$
declare
    done integer;
begin
    select count(*) into done from one_roof.tier_log;
    if wanted <= done then
        raise exception 'tier % (%) has already been applied', wanted, wanted_name;
    end if;
    if wanted > done + 1 then
        raise exception 'tier % (%) is out of order: % of 8 tiers are applied', wanted, wanted_name, done;
    end if;
    if exists (select from one_roof.tier_log l where l.ratified_apr is distinct from wanted_apr) then
        raise exception 'the tiers before this one were not run for %', coalesce(wanted_apr, 'no proposal');
    end if;
    -- The stage shadow names no proposal. Its tiers make nobody accountable; every other one does.
    if wanted_apr is null and wanted > 2 then
        raise exception 'tier % (%) needs a ratified proposal', wanted, wanted_name;
    end if;
    if wanted_apr is not null
       and not exists (select from public.os_proposal_approvals a
                        where a.apr = wanted_apr and a.decision = 'ratified') then
        raise exception '% is not ratified', wanted_apr;
    end if;
    insert into one_roof.tier_log (tier, name, ratified_apr) values (wanted, wanted_name, wanted_apr);
    return format('tier %s entered', wanted);
end
$function$;

\ir common/enter_tier.sql
