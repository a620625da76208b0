-- mart_spend_trends adds up the days of one ad account: that needs one currency.
select
    client_id,
    ad_account_id,
    count(distinct account_currency) as currencies
from {{ ref('mart_spend_trends') }}
group by client_id, ad_account_id
having count(distinct account_currency) > 1
