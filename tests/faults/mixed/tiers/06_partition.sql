alter table public.events detach partition public.events_old concurrently;
reindex index concurrently public.orders_mood;
