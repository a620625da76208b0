with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as instagram_account_id,
        {{ payload_fields([
            'username', 'name', 'followers_count', 'follows_count', 'media_count',
        ]) }} as fields
    from records
    where
        report = 'instagram_accounts'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        instagram_account_id,
        fields.username,
        fields.name as account_name,
        cast(fields.followers_count as bigint) as followers,
        cast(fields.follows_count as bigint) as following,
        cast(fields.media_count as bigint) as media
    from parsed

)

select * from final
