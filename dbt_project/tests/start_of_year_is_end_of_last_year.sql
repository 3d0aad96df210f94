-- What: a household poor or near-poor at the end of a year does not stand once, and in the same class, at the start of
-- the next, or its persons changed in between.
-- When: a household was lost or doubled where communes were renamed, joined or divided, or was counted in a commune
-- that it had left.
-- How to resolve: look at the household's rows of both years and at its place in int_movement__household.
with ended as (
    select
        household_id,
        review_year,
        standard_code,
        form_code,
        commune_code,
        person_count
    from {{ ref('fct_household_movement') }}
    where column_code = 'end'
),

started as (
    select
        household_id,
        review_year,
        standard_code,
        form_code,
        person_count,
        is_on_last_list
    from {{ ref('fct_household_movement') }}
    where column_code = 'start'
),

-- who is still on the list of the same commune must be told
stayed as (
    select
        review.household_id,
        review.review_year,
        review.standard_code
    from {{ ref('fct_household_review') }} as review
    inner join ended
        on
            review.household_id = ended.household_id
            and review.standard_code = ended.standard_code
            and review.commune_code = ended.commune_code
            and review.review_year = ended.review_year + 1
)

select
    coalesce(ended.household_id, started.household_id) as household_id,
    coalesce(ended.review_year, started.review_year - 1) as review_year,
    coalesce(ended.standard_code, started.standard_code) as standard_code,
    ended.form_code as form_code_at_end,
    started.form_code as form_code_at_start
from ended
full join started
    on
        ended.household_id = started.household_id
        and ended.standard_code = started.standard_code
        and ended.review_year + 1 = started.review_year
left join stayed
    on
        ended.household_id = stayed.household_id
        and ended.standard_code = stayed.standard_code
        and ended.review_year + 1 = stayed.review_year
where
    (started.is_on_last_list and ended.household_id is null)
    or (stayed.household_id is not null and started.household_id is null)
    or ended.form_code <> started.form_code
    or ended.person_count <> started.person_count
