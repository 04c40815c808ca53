create or replace function shop.touch() returns trigger
language plpgsql as $fn$
declare
  v_n int := 0; -- ; a semicolon
begin
  if new.amount is null then
    raise exception 'no amount for %', new.id;
  end if;
  new.created := timestamptz '2026-02-02 00:00Z';
  raise notice 'order % touched', new.id;
  return new;
end
$fn$;
create trigger touch before insert on shop.orders for each row execute function shop.touch();
