-- Superset, top N: the twenty communes with the most poor households of a year, and their share of the district's
with household as (
    select
        district_code,
        commune_code,
        count(distinct household_code) as poor_households,
        sum(member_count) as poor_persons
    from mart.fct_household_review
    where review_year = 2023 and standard_code = '2021-2025' and class_code = 'poor'
    group by district_code, commune_code
)

select
    commune.name as commune_name,
    household.poor_households,
    household.poor_persons,
    round(100.0 * household.poor_households / sum(household.poor_households) over (
        partition by household.district_code
    ), 1) as share_of_district
from household
left join mart.dim_admin_unit as commune
    on
        household.commune_code = commune.code
        and commune.level = 'commune'
        and commune.valid_from <= '2023-12-31'
        and (commune.valid_to is null or commune.valid_to >= '2023-12-31')
order by household.poor_households desc
limit 20
