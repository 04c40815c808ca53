-- Rollback, second half: the records. Votes and approvals stay: they are a human's act.
\set source one-roof

-- The setting goes back to the value that tier 6 saved, if tier 6 ran.
do $restore$
begin
    if to_regclass('one_roof.saved_setting') is not null then
        update public.emit_settings s
        set value = k.value
        from one_roof.saved_setting k
        where k.name = s.name;
    end if;
end
$restore$;

delete from public.ownership where source = :'source';

drop index if exists public.governed_collections_accountable;
alter table public.governed_collections drop column if exists accountable_authority;

drop table if exists one_roof.seal;
drop table if exists one_roof.ui_endpoint;
drop table if exists one_roof.emit_dispatcher;
drop table if exists one_roof.saved_setting;
drop table if exists one_roof.candidate;
drop table if exists one_roof.containment;
drop table if exists one_roof.authority_domain;
drop table if exists one_roof.assignment;
drop table if exists one_roof.axis_value;
drop table if exists one_roof.axis;
drop function if exists one_roof.enter_tier(integer, text, text);
drop table if exists one_roof.tier_log;
drop schema if exists one_roof;
