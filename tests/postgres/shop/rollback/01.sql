drop schema if exists legacy cascade;
drop schema if exists shop cascade;
