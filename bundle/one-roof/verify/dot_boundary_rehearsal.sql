-- A DOT may be registered here, but never run here: three checks, with or without the release.
-- Everything here is rolled back.
insert into public.dot_registry (dot_code, runner, about)
values ('DOT-REHEARSAL', 'outside', 'lives for one transaction');
select 'registration leaves exactly one birth record' as name, count(*) = 1 as ok, count(*)::text as detail
from public.birth_registry where entity_kind = 'dot' and entity_code = 'DOT-REHEARSAL';

do $refused$
begin
    insert into public.dot_run_requests (request_id, dot_code) values (900000001, 'DOT-REHEARSAL');
exception when insufficient_privilege then
    perform set_config('rehearsal.dot_run', 'refused', true);
end
$refused$;
select 'a request to run it is refused' as name,
       coalesce(current_setting('rehearsal.dot_run', true), '') = 'refused'
       and not exists (select from public.dot_run_requests) as ok,
       'runs outside the database' as detail;

delete from public.dot_registry where dot_code = 'DOT-REHEARSAL';
select 'taking it back removes its birth record' as name, count(*) = 0 as ok, count(*)::text as detail
from public.birth_registry where entity_kind = 'dot' and entity_code = 'DOT-REHEARSAL';
