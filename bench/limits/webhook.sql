\set a random(1, 9000000000000000)
\set b random(1, 9000000000000000)
insert into webhook_events (provider_event_id, type, payload, state, next_at, received_at)
values ('evt_' || :a || :b, 'payment_intent.created', :event::text::json, 'processed', now(), now())
    on conflict on constraint webhook_events_provider_event_id_key do nothing;
