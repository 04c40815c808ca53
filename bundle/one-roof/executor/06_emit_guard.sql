-- Tier 6: an event leaves only if a setting, its type and a dispatcher all allow it. None of them does.
\set ON_ERROR_STOP on
\set tier 6
\set tier_name emit_guard
\set setting governance.emit
\ir common/enter_tier.sql

do $precondition$
begin
    if exists (select from public.governance_events where emit) then
        raise exception 'an event is already marked for emission';
    end if;
    if exists (select from public.event_type_registry where active) then
        raise exception 'an event type is already active';
    end if;
end
$precondition$;

insert into one_roof.saved_setting (name, value)
select name, value from public.emit_settings where name = :'setting';

update public.emit_settings set value = 'fail-closed' where name = :'setting';

create function one_roof.refuse_emit() returns trigger
language plpgsql set search_path = pg_catalog
as $function$
begin
    if not exists (select from public.emit_settings
                    where name = 'governance.emit' and value = 'open') then
        raise exception 'emit refused, layer 1: governance.emit is not open'
            using errcode = 'insufficient_privilege';
    end if;
    if not exists (select from public.event_type_registry
                    where event_type = new.event_type and active) then
        raise exception 'emit refused, layer 2: event type % is not active', new.event_type
            using errcode = 'insufficient_privilege';
    end if;
    if not exists (select from one_roof.emit_dispatcher) then
        raise exception 'emit refused, layer 3: there is no dispatcher'
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$function$;

create trigger one_roof_emit_guard before insert or update on public.governance_events
    for each row when (new.emit) execute function one_roof.refuse_emit();

create view one_roof.emit_state as
select case
           when setting = 'fail-closed' and active_types = 0 and dispatchers = 0 and guarded
           then 'fail-closed'
           else 'not closed'
       end as state,
       setting, active_types, dispatchers, guarded
from (
    select (select value from public.emit_settings where name = 'governance.emit') as setting,
           (select count(*) from public.event_type_registry where active) as active_types,
           (select count(*) from one_roof.emit_dispatcher) as dispatchers,
           exists (select from pg_catalog.pg_trigger t
                    where t.tgrelid = to_regclass('public.governance_events')
                      and t.tgname = 'one_roof_emit_guard'
                      and t.tgenabled in ('O', 'A')) as guarded
) as layers;
