-- What: the deprivations listed for a household are not as many as its review counts.
-- When: a deprivation code is new in the seed and unknown to the macro deprivation_codes, or a row was multiplied.
-- How to resolve: bring the macro and the seed `deprivation` together; then build again.
with listed as (
    select
        household_code,
        review_year,
        standard_code,
        count(*) as deprivation_count
    from {{ ref('fct_household_deprivation') }}
    group by household_code, review_year, standard_code
)

select
    review.household_code,
    review.review_year,
    review.standard_code,
    review.deprivation_count,
    listed.deprivation_count as listed_count
from {{ ref('fct_household_review') }} as review
left join listed using (household_code, review_year, standard_code)
where review.deprivation_count <> coalesce(listed.deprivation_count, 0)
