{{ config(key=['household_id', 'review_year', 'standard_code']) }}

with list_of_sender as (
    select
        submission_id,
        sender_code,
        standard_code,
        period_code,
        period_year
    from {{ ref('stg_submission') }}
    where dataset = 'household_review'
)

select
    before.household_code,
    before.household_id,
    before.review_year + 1 as review_year,
    list_of_sender.period_code,
    before.standard_code,
    before.class_code as previous_class_code,
    before.member_count as member_count_at_start,
    place.commune_code,
    place.district_code,
    place.province_code,
    place.reporting_unit_code,
    -- the list that misses it
    list_of_sender.sender_code,
    list_of_sender.submission_id
from {{ ref('int_household__classified') }} as before
inner join {{ ref('int_place__resolved') }} as place
    on
        before.commune_code = place.named_commune_code
        and before.period_end_on = place.named_on
        and (before.period_end_on + interval '1 year')::date = place.placed_on
-- only the list that should carry the household can miss it
inner join list_of_sender
    on
        place.reporting_sender_code = list_of_sender.sender_code
        and before.standard_code = list_of_sender.standard_code
        and before.review_year + 1 = list_of_sender.period_year
where
    before.class_code in ('poor', 'near_poor')
    and not exists (
        select 1
        from {{ ref('int_household__classified') }} as this_year
        where
            before.household_id = this_year.household_id
            and before.standard_code = this_year.standard_code
            and before.review_year + 1 = this_year.review_year
    )
