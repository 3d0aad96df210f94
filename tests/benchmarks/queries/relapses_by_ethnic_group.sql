-- Tableau, bar chart: escapes and relapses by ethnic group over the years
select
    ethnic_group.name_vi as ethnic_group,
    review.review_year,
    count(*) filter (where review.movement_code in ('poor_to_above', 'poor_to_near_poor')) as left_poverty,
    count(*) filter (where review.movement_code = 'poor_relapsed') as relapsed,
    count(*) filter (where review.movement_code = 'poor_new') as newly_poor
from mart.fct_household_review as review
inner join mart.dim_ethnic_group as ethnic_group on review.ethnic_group_code = ethnic_group.ethnic_group_code
where review.standard_code = '2021-2025'
group by ethnic_group.name_vi, review.review_year
order by ethnic_group.name_vi asc, review.review_year asc
