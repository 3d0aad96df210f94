-- Tableau, population pyramid: members of the poor households of a year
select
    width_bucket(member.age, 0, 90, 18) as age_band,
    count(*) filter (where member.sex = 'male') as men,
    count(*) filter (where member.sex = 'female') as women
from mart.fct_household_member as member
where member.review_year = 2023 and member.class_code = 'poor'
group by age_band
order by age_band
