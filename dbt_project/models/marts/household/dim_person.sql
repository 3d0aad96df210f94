{{ config(
    slice_by=['person_key'],
    touched_by={
        'int_member__person': ['person_key'],
    }
) }}

with person as (
    select
        *,
        row_number() over (partition by person_key order by review_year desc) as recency,
        min(review_year) over (partition by person_key) as first_review_year,
        bool_or(has_identity_conflict) over (partition by person_key) as was_in_conflict
    from {{ ref('int_member__person') }} -- slice: person_key
)

select
    person_key,
    sex_code as sex,
    ethnic_group_code,
    household_id,
    household_code,
    first_review_year,
    review_year as last_review_year,
    was_in_conflict as has_identity_conflict
from person
where recency = 1
