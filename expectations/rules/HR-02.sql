-- The reported class is not the class of the standard. reference.poverty_standard knows three kinds of standard:
-- income alone (no minimum of deprivations); an income under which a household is poor whatever its deprivations, and a
-- higher one under which deprivations decide (two lines); one line under which deprivations decide.
-- Not judged: a row whose income, area, reported class or one of its deprivations is missing or could not be read.
select
    submission_id,
    sheet_name,
    row_number,
    'class_reported' as column_name,
    class_reported as value,
    class_reported as reported,
    class_derived as derived,
    income_per_capita as income,
    deprivation_count as deprivations,
    standard_code as standard
from (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.class_reported,
        b.income_per_capita,
        b.standard_code,
        counted.deprivation_count,
        case
            when s.min_deprivations is null and b.income_per_capita <= s.poor_income_vnd then 'poor'
            when s.min_deprivations is null and b.income_per_capita <= s.near_poor_income_vnd then 'near_poor'
            when b.income_per_capita > s.near_poor_income_vnd then 'not_poor'
            when counted.deprivation_count >= s.min_deprivations then 'poor'
            when s.poor_income_vnd < s.near_poor_income_vnd and b.income_per_capita <= s.poor_income_vnd then 'poor'
            else 'near_poor'
        end as class_derived
    from {batch} as b
    inner join reference.poverty_standard as s
        on b.standard_code = s.code and b.area_type = s.area_type
    -- A column that is not of the report's standard is null and counts for nothing.
    cross join lateral (
        select num_nonnulls(
            nullif(b.dep_employment, false),
            nullif(b.dep_dependency, false),
            nullif(b.dep_nutrition, false),
            nullif(b.dep_health_insurance, false),
            nullif(b.dep_adult_education, false),
            nullif(b.dep_child_schooling, false),
            nullif(b.dep_housing_quality, false),
            nullif(b.dep_housing_area, false),
            nullif(b.dep_water, false),
            nullif(b.dep_toilet, false),
            nullif(b.dep_telecom, false),
            nullif(b.dep_information_means, false),
            nullif(b.dep_health_access, false)
        ) as deprivation_count
    ) as counted
    where
        b.income_per_capita is not null
        and (
            b.unread_columns is null
            or not exists (
                select 1
                from unnest(b.unread_columns) as c (name)
                where c.name like 'dep\_%'
            )
        )
) as derived
where class_reported <> class_derived
