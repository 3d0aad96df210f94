{{ config(
    key=['household_key'],
    indexes=[{'columns': ['household_id']}],
    slice_by=['household_id'],
    touched_by={
        'int_household__classified': ['household_id'],
    }
) }}

-- Most codes of communes live on in the two-level system with another meaning.
with two_level as (
    select min(valid_from) as begins_on
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
),

-- In a year under two standards the earlier one is in force (2015, 2021): it gives the class of that year.
yearly as (
    select distinct on (household_id, review_year)
        household_id,
        household_code,
        review_year,
        period_end_on,
        commune_code,
        village_name,
        ethnic_group_code,
        is_ethnic_minority,
        area_type,
        member_count,
        is_merit_family,
        has_social_protection_member,
        has_no_labour_capacity,
        class_code,
        period_end_on < (select two_level.begins_on from two_level) as is_three_level
    from {{ ref('int_household__classified') }} -- slice: household_id
    order by household_id, review_year, standard_code
),

compared as (
    select
        *,
        (
            lag(review_year) over household is null
            or household_code <> lag(household_code) over household
            or is_three_level <> lag(is_three_level) over household
            or commune_code is distinct from lag(commune_code) over household
            or village_name is distinct from lag(village_name) over household
            or ethnic_group_code is distinct from lag(ethnic_group_code) over household
            or area_type is distinct from lag(area_type) over household
            or member_count is distinct from lag(member_count) over household
            or is_merit_family is distinct from lag(is_merit_family) over household
            or has_social_protection_member is distinct from lag(has_social_protection_member) over household
            or has_no_labour_capacity is distinct from lag(has_no_labour_capacity) over household
            or class_code is distinct from lag(class_code) over household
        ) as is_changed
    from yearly
    window household as (partition by household_id order by review_year)
)

select
    household_code || '@' || review_year as household_key,
    household_id,
    household_code,
    commune_code,
    village_name,
    ethnic_group_code,
    is_ethnic_minority,
    area_type,
    member_count,
    is_merit_family,
    has_social_protection_member,
    has_no_labour_capacity,
    class_code,
    review_year as valid_from_year,
    lead(review_year) over household - 1 as valid_to_year,
    lead(review_year) over household is null as is_current,
    period_end_on as named_on
from compared
where is_changed
window household as (partition by household_id order by review_year)
