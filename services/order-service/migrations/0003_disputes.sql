-- Where a dispute of the order's payment stands: nothing is shipped meanwhile.

alter table orders
    add column dispute_status text not null default 'none'
        constraint orders_dispute_status_known check (dispute_status in
            ('none', 'warning_needs_response', 'warning_under_review', 'warning_closed', 'needs_response',
             'under_review', 'won', 'lost', 'prevented'));
