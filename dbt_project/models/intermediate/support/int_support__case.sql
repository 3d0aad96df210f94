{{ config(
    key=['submission_id', 'sheet_name', 'row_number'],
    slice_by=['sender_code', 'support_id'],
    touched_by={
        'stg_support_delivery': ['sender_code', 'support_id'],
        'int_place__resolved': none,
    }
) }}

with two_level as (
    select coalesce(min(valid_from), 'infinity') as begins_on
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
),

placed as (
    select
        support.*,
        coalesce(known.household_id, support.household_code) as household_id,
        price.full_price_vnd,
        register.household_key,
        register.class_code,
        coalesce(registered_place.admin_unit_key, code_place.admin_unit_key) as admin_unit_key,
        coalesce(registered_place.commune_code, code_place.commune_code) as commune_code,
        coalesce(registered_place.district_code, code_place.district_code) as district_code,
        coalesce(registered_place.province_code, code_place.province_code) as province_code,
        coalesce(registered_place.reporting_unit_code, code_place.reporting_unit_code) as reporting_unit_code,
        -- the year counts the case where its place is in the end
        coalesce(registered_at_end.commune_code, code_at_end.commune_code) as year_end_commune_code,
        coalesce(registered_at_end.district_code, code_at_end.district_code) as year_end_district_code,
        coalesce(registered_at_end.province_code, code_at_end.province_code) as year_end_province_code
    from {{ ref('stg_support_delivery') }} as support
    -- slice: where support_id in (select support_id from touched_slice)
    cross join two_level
    left join {{ ref('int_household__identity') }} as known on support.household_code = known.household_code
    left join {{ ref('support_amount') }} as price
        on
            support.policy_code = price.policy_code
            and {{ in_force('price', 'coalesce(support.delivered_on, support.period_end_on)') }}
    left join {{ ref('int_household__version') }} as register
        on {{ version_in_year('register', 'known.household_id', 'support.period_year') }}
    left join {{ ref('int_household__version') }} as register_then
        on {{ version_in_year('register_then', 'known.household_id', register_year('support', 'two_level')) }}
    left join {{ ref('int_place__resolved') }} as registered_place
        on
            register_then.commune_code = registered_place.named_commune_code
            and register_then.named_on = registered_place.named_on
            and support.period_end_on = registered_place.placed_on
    left join {{ ref('int_place__resolved') }} as registered_at_end
        on
            register.commune_code = registered_at_end.named_commune_code
            and register.named_on = registered_at_end.named_on
            and make_date(support.period_year, 12, 31) = registered_at_end.placed_on
    -- a household in no register yet stands in the commune that its code begins with
    left join {{ ref('int_place__resolved') }} as code_place
        on
            registered_place.commune_code is null
            and left(support.household_code, 5) = code_place.named_commune_code
            and support.period_end_on = code_place.named_on
            and support.period_end_on = code_place.placed_on
    left join {{ ref('int_place__resolved') }} as code_at_end
        on
            registered_at_end.commune_code is null
            and left(support.household_code, 5) = code_at_end.named_commune_code
            and support.period_end_on = code_at_end.named_on
            and make_date(support.period_year, 12, 31) = code_at_end.placed_on
)

-- A case may stand in several quarters of a year: it is counted once, by the last one.
select
    *,
    period_end_on = max(period_end_on) over cases as is_last_of_year,
    bool_or(status_code = 'delivered') over cases as is_delivered_in_year
from placed
window cases as (partition by sender_code, support_id, period_year)
