create or replace function shop.total(c text) returns numeric
language sql stable
begin atomic
  select case when c is null then 0 else 1 end;
  select coalesce(sum(amount), 0) from shop.orders where customer = c;
end;
