{{ config(key=['sender_code', 'standard_code', 'review_year']) }}

select distinct
    sender_code,
    standard_code,
    period_year as review_year
from {{ ref('stg_submission') }}
where dataset = 'household_review'
