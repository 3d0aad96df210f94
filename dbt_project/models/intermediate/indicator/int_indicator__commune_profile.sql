-- The year from which a plan counts the communes that leave the list of the extremely difficult ones.
with exit_baseline as (
    select
        programme.province_code,
        programme.start_year,
        programme.end_year,
        min(target.baseline_year) as baseline_year
    from {{ ref('programme_target') }} as target
    inner join {{ ref('programme') }} as programme on target.programme_code = programme.code
    where target.indicator_code = 'extremely_difficult_commune_exit_rate'
    group by programme.province_code, programme.start_year, programme.end_year
),

profile as (
    select
        this_year.*,
        exit_baseline.baseline_year,
        baseline.is_extremely_difficult as was_extremely_difficult
    from {{ ref('int_commune__profile') }} as this_year
    left join exit_baseline
        on
            this_year.province_code = coalesce(exit_baseline.province_code, this_year.province_code)
            and this_year.profile_year between exit_baseline.start_year and exit_baseline.end_year
    left join {{ ref('int_commune__profile') }} as baseline
        on
            this_year.commune_code = baseline.commune_code
            and exit_baseline.baseline_year = baseline.profile_year
)

select
    figure.indicator_code,
    profile.period_code,
    '' as standard_code,
    profile.commune_code,
    profile.district_code,
    profile.province_code,
    profile.reporting_unit_code,
    '' as breakdown_code,
    '' as support_code,
    figure.numerator,
    figure.denominator
from profile
cross join
    lateral (
        values
        ('commune_paved_road_rate', profile.has_paved_road::integer::numeric, 1::numeric),
        ('village_hardened_road_rate', profile.villages_with_hardened_road, profile.village_count),
        ('village_electricity_rate', profile.villages_with_electricity, profile.village_count),
        ('irrigation_coverage_rate', profile.irrigation_met_ha, profile.irrigation_need_ha),
        ('trained_labour_rate', profile.trained_labour, profile.labour_force),
        ('vocationally_trained_labour_rate', profile.vocationally_trained_labour, profile.labour_force),
        ('post_training_employment_rate', profile.trained_and_employed, profile.trained_in_year),
        (
            'extremely_difficult_commune_exit_rate',
            (profile.was_extremely_difficult and not profile.is_extremely_difficult)::integer,
            profile.was_extremely_difficult::integer
        )
    ) as figure (indicator_code, numerator, denominator)
where figure.indicator_code <> 'extremely_difficult_commune_exit_rate' or profile.baseline_year is not null
