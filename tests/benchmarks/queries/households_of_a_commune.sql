-- Power BI, drill through: the households behind one bar, page by page
select
    review.household_code,
    household.village_name,
    ethnic_group.name_vi as ethnic_group,
    review.class_code,
    review.previous_class_code,
    review.movement_code,
    review.income_per_capita_vnd,
    review.deprivation_count,
    review.member_count,
    review.submission_id,
    review.sheet_name,
    review.row_number
from mart.fct_household_review as review
left join mart.dim_household as household on review.household_key = household.household_key
left join mart.dim_ethnic_group as ethnic_group on review.ethnic_group_code = ethnic_group.ethnic_group_code
where
    review.review_year in (2023)
    and review.commune_code in (
        select busiest.commune_code
        from mart.fct_household_review as busiest
        where busiest.review_year = 2023 and busiest.district_code = '220'
        group by busiest.commune_code
        order by count(*) desc
        limit 1
    )
order by review.class_code desc, review.household_code asc
limit 1001
