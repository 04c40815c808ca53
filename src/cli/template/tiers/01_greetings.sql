create table public.greetings (
    id integer primary key,
    language text not null unique,
    text text not null,
    ticket text not null
);

insert into public.greetings (id, language, text, ticket)
values (1, 'en', 'Hello', :'ticket'), (2, 'de', 'Hallo', :'ticket');
