{{ config(
    key=['previous_household_id', 'household_id', 'review_year'],
    slice_by=['household_id'],
    slice_condition='{row}.household_id in (select household_id from touched_slice)'
    ~ ' or {row}.previous_household_id in (select household_id from touched_slice)',
    touched_by={
        'int_household__identity': ['household_id'],
    }
) }}

with person_year as (
    select
        person_key,
        household_id,
        review_year,
        lag(household_id) over years as previous_household_id,
        lag(review_year) over years as previous_review_year
    from {{ ref('int_member__person') }} -- slice: {{ people_met(ref('int_member__person')) }}
    window years as (partition by person_key order by review_year)
),

flow as (
    select
        previous_household_id,
        household_id,
        review_year,
        count(*)::integer as member_count,
        count(*) over (partition by previous_household_id, review_year) as found_in_count,
        count(*) over (partition by household_id, review_year) as came_from_count,
        min(person_key) as any_person_key,
        (array_agg(previous_review_year order by person_key))[1] as any_previous_review_year
    from person_year
    where previous_household_id is not null
    group by previous_household_id, household_id, review_year
),

household as (
    select
        household_id,
        min(first_year) as first_year,
        max(last_year) as last_year
    from {{ ref('int_household__identity') }}
    group by household_id
),

household_size as (
    select
        household_id,
        review_year,
        count(*) as listed_count
    from {{ ref('int_member__person') }} -- slice: {{ people_met(ref('int_member__person')) }}
    group by household_id, review_year
)

select
    flow.previous_household_id,
    flow.household_id,
    flow.review_year,
    flow.member_count,
    flow.any_person_key,
    flow.any_previous_review_year,
    flow.found_in_count > 1 and destination.first_year = flow.review_year as is_split,
    flow.came_from_count > 1
    and origin.last_year < flow.review_year
    and 2 * flow.member_count >= household_size.listed_count as is_merger,
    flow.found_in_count = 1
    and flow.came_from_count = 1
    and origin.last_year < flow.review_year
    and destination.first_year = flow.review_year
    and 2 * flow.member_count >= household_size.listed_count as is_refounding
from flow
inner join household as origin on flow.previous_household_id = origin.household_id
inner join household as destination on flow.household_id = destination.household_id
left join household_size
    on
        flow.previous_household_id = household_size.household_id
        and origin.last_year = household_size.review_year
where flow.previous_household_id <> flow.household_id
