-- What a product's pictures show, for those who cannot see them: texts by picture, as `images` names them. By picture and
-- not by place: a change of `images` by code that does not know this column leaves each text with its picture.
alter table products
    add column image_alts jsonb not null default '{}'
        constraint products_image_alts_are_texts check (jsonb_typeof(image_alts) = 'object');
