create table public.log (n integer, what text);
create function public.one() returns integer language sql begin atomic
    select case when true then 1 else 2 end; -- ; end
    select 3;
end;
create or replace procedure public.note(n integer, what text) begin atomic
    insert into public.log values (n, what);
    insert into public.log values (n + 1, 'end;');
end;
call public.note(1, 'begin;');
create function public.two(a integer default case when true then 1 else 2 end) returns integer language plpgsql as $body$
declare x integer := a;
begin
    if x > 0 then
        execute $q$ insert into public.log values (9, 'x;') $q$;
        raise notice 'x is %; really', x;
        raise warning 'careful; with "%"', x;
    end if;
    return x;
end;
$body$;
select public.two(), public.two(a => 5);
do $$ begin perform public.two(-1); raise notice 'done;'; end $$;
create rule log_rule as on update to public.log do also (insert into public.log values (7, 'rule'); select 1;);
update public.log set n = 5 where n = 9;
create function public.trigger() returns trigger language plpgsql as 'begin new.what := new.what || ''!;''; return new; end';
create trigger t before insert on public.log for each row execute function public.trigger();
insert into public.log values (11, 'triggered');
create view public.cases as select case n when 1 then 'begin' else 'end' end as "end" from public.log;
prepare p (int) as insert into public.log values ($1, 'prepared');
execute p (12);
deallocate p;
create aggregate public.agg (integer) (sfunc = int4pl, stype = integer, initcond = '0');
create type public.kind as enum ('a;b', 'c''d');
create domain public.positive as integer check (value > 0);
create operator public.@+@ (leftarg = integer, rightarg = integer, function = int4pl);
select 1 operator(public.@+@) 2, 3::public.positive, (array[1, 2, 3])[1:2], ('{1,2}'::int[])[:1], '12:30'::time;
