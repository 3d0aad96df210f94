-- Tableau, cross table: households by class and kind of area over all years
select
    review.review_year,
    review.standard_code,
    count(case when review.class_code = 'poor' and review.area_type = 'rural' then 1 end) as poor_rural,
    count(case when review.class_code = 'poor' and review.area_type = 'urban' then 1 end) as poor_urban,
    count(case when review.class_code = 'near_poor' and review.area_type = 'rural' then 1 end) as near_poor_rural,
    count(case when review.class_code = 'near_poor' and review.area_type = 'urban' then 1 end) as near_poor_urban,
    sum(case when review.class_code = 'poor' and review.is_ethnic_minority then 1 else 0 end) as poor_minority,
    avg(case when review.class_code = 'poor' then review.income_per_capita_vnd end) as poor_income
from mart.fct_household_review as review
group by review.review_year, review.standard_code
order by review.review_year, review.standard_code
