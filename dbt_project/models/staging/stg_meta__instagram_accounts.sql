{% call report_rows(
    'instagram_accounts',
    payload_fields(['username', 'name', 'followers_count', 'follows_count', 'media_count']),
    asset='instagram_account_id',
    is_kept=true
) %}
    fields.username,
    fields.name as account_name,
    cast(fields.followers_count as bigint) as followers,
    cast(fields.follows_count as bigint) as following,
    cast(fields.media_count as bigint) as media
{% endcall %}
