-- Tableau, tree map: today's poor households by village, size and ethnic group
select
    household.commune_code,
    household.village_name,
    ethnic_group.name_vi as ethnic_group,
    count(*) as households,
    sum(household.member_count) as persons
from mart.dim_household as household
inner join mart.dim_ethnic_group as ethnic_group on household.ethnic_group_code = ethnic_group.ethnic_group_code
where household.is_current and household.class_code = 'poor'
group by household.commune_code, household.village_name, ethnic_group.name_vi
order by households desc
limit 500
