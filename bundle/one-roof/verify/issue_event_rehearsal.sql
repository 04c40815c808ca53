-- Issues and events after the release: nine checks. Everything here is rolled back.
-- An event is tried against each of the three layers of the emit guard in turn.
\ir common/expected.sql

insert into public.system_issues (id, collection, kind, severity, status, opened_on, title)
values (900000001, 'kg_entities', 'duplicate', 'high', 'open', date '2026-06-03', 'Rehearsal');
select 'an issue can be opened' as name, count(*) = 1 as ok, count(*)::text as detail
from public.system_issues where id = 900000001;

select 'the user interface counts it' as name, (body ->> 'total')::bigint = (select count(*) from public.system_issues) as ok,
       body ->> 'total' as detail
from one_roof.ui_issues;

do $refused$
begin
    insert into public.system_issues (id, collection, kind, severity, status, opened_on, title)
    values (900000002, 'not_governed', 'orphan', 'low', 'open', date '2026-06-03', 'Rehearsal');
exception when foreign_key_violation then
    perform set_config('rehearsal.ungoverned', 'refused', true);
end
$refused$;
select 'an issue outside the inventory is refused' as name,
       coalesce(current_setting('rehearsal.ungoverned', true), '') = 'refused' as ok,
       'foreign key' as detail;

insert into public.governance_events (event_id, event_type, collection)
values (900000001, 'gov.ownership.assigned', 'kg_entities');
select 'an event is recorded without being sent' as name, count(*) = 1 and not bool_or(emit) as ok,
       count(*)::text as detail
from public.governance_events where event_id = 900000001;

do $layer$
begin
    update public.governance_events set emit = true where event_id = 900000001;
exception when insufficient_privilege then
    perform set_config('rehearsal.layer_1', sqlerrm, true);
end
$layer$;
select 'layer 1 refuses: the setting' as name,
       coalesce(current_setting('rehearsal.layer_1', true), '') like '%layer 1%' as ok,
       current_setting('rehearsal.layer_1', true) as detail;

update public.emit_settings set value = 'open' where name = 'governance.emit';
do $layer$
begin
    update public.governance_events set emit = true where event_id = 900000001;
exception when insufficient_privilege then
    perform set_config('rehearsal.layer_2', sqlerrm, true);
end
$layer$;
select 'layer 2 refuses: the event type' as name,
       coalesce(current_setting('rehearsal.layer_2', true), '') like '%layer 2%' as ok,
       current_setting('rehearsal.layer_2', true) as detail;

update public.event_type_registry set active = true where event_type = 'gov.ownership.assigned';
select 'an event type can be activated, and it shows' as name,
       active_types = 1 and state <> 'fail-closed' as ok, state as detail
from one_roof.emit_state;

do $layer$
begin
    update public.governance_events set emit = true where event_id = 900000001;
exception when insufficient_privilege then
    perform set_config('rehearsal.layer_3', sqlerrm, true);
end
$layer$;
select 'layer 3 refuses: no dispatcher' as name,
       coalesce(current_setting('rehearsal.layer_3', true), '') like '%layer 3%' as ok,
       current_setting('rehearsal.layer_3', true) as detail;

select 'nothing was emitted' as name, count(*) = 0 as ok, count(*)::text as detail
from public.governance_events where emit;
