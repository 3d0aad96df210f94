-- What: a household's previous class is not the class of its own last review.
-- When: the history was joined across standards, across a gap of years, or to another household.
-- How to resolve: look at the windows of int_household__reviewed; the reported class only fills in where we have none.
select
    review.household_code,
    review.review_year,
    review.standard_code,
    review.previous_class_code,
    before.class_code
from {{ ref('fct_household_review') }} as review
inner join {{ ref('fct_household_review') }} as before
    on
        review.household_id = before.household_id
        and review.standard_code = before.standard_code
        and review.review_year = before.review_year + 1
where review.previous_class_code is distinct from before.class_code
