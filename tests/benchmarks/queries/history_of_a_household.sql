-- Metabase, detail page: one household through the years, its versions and what it lacked
select
    review.review_year,
    review.standard_code,
    review.class_code,
    review.movement_code,
    review.income_per_capita_vnd,
    household.valid_from_year,
    household.valid_to_year,
    string_agg(deprivation.name_vi, '; ' order by deprivation.form_number) as deprivations
from mart.fct_household_review as review
left join mart.dim_household as household on review.household_key = household.household_key
left join mart.fct_household_deprivation as lacked
    on
        review.household_code = lacked.household_code
        and review.review_year = lacked.review_year
        and review.standard_code = lacked.standard_code
left join mart.dim_deprivation as deprivation
    on
        lacked.standard_code = deprivation.standard_code
        and lacked.deprivation_code = deprivation.deprivation_code
where review.household_code = (select max(known.household_code) from mart.fct_household_review as known)
group by
    review.review_year,
    review.standard_code,
    review.class_code,
    review.movement_code,
    review.income_per_capita_vnd,
    household.valid_from_year,
    household.valid_to_year
order by review.review_year, review.standard_code
